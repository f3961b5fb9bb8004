"""Access keys that the server made for its resources: a pair each, in files that only their owner can read.

    pair.py       a primary and a secondary key, and how one of them is replaced
    directory.py  the pairs on disk, and how the programs that use them at once keep out of each other's way
    private.py    one file that nobody else may read
    errors.py     what can be wrong with all that

Which resources have such keys, and what a running server does when one is rotated, is for `strowger.resource_keys`.
"""
