"""A suite and data objects -> an Evaluation. Knows no lakeFS, no database, no policy.

`evaluate` and `lint` import Great Expectations and pandas, and so are imported in killable children only;
`objects`, `suites` and `version` are light.
"""
