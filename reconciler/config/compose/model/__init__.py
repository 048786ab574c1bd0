"""Tables of Compose attributes: long forms, merge rules, canonical forms, secrets."""
