"""Tables: columns and behaviour in :mod:`.mixins`, classes made for one ``db`` in :mod:`.factory`."""
