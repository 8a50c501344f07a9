// Comfort only: every page does all it can without this script.
"use strict";
