"""football-data.co.uk: season files, coming fixtures, and the files of the extra leagues."""
