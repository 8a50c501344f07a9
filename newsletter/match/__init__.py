"""Entry × Topic → Match: the spelling rules, the topic language, the matcher and the order. Pure."""
