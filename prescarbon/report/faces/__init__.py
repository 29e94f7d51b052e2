"""A view as HTML, PDF, workbook, slide."""
