"""The pages, one file for each part: request → store → template."""
