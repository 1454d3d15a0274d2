"""Reading outside material: text, labelled files, tables of the hub; and what cards say about them."""
