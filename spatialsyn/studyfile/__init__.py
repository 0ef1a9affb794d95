"""A study file: what it may say, the job it describes, and the tables, figures and page of that."""
