"""What operators ask of an installation, here or in an environment of AWS.

Every command is one function from checked arguments to the document that ``--json`` prints, so
whoever shows it needs nothing but the document.
"""
