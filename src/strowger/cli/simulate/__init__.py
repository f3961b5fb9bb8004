"""`strowger simulate`: calls without telephones, to see what an application does with them."""
