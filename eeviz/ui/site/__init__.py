"""What ships with eeviz as a folder of HTML files: to look at and to steer, without Python."""
