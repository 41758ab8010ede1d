"""The explorer as one HTML file that needs no kernel, no server and no network. No widgets in here."""
