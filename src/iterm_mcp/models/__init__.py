"""Values that cross packages: frozen, without behaviour that needs I/O."""
