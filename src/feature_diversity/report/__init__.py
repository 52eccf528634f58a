"""The page that shows a study: its content, its template, its chart."""
