"""Windows parted into panes as declared."""
