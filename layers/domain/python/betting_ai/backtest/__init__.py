"""What the product would have said and earned, on days its models had not seen."""
