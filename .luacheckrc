-- For the ledger's functions, which run in the server; see deploy/lint_lua.py.
std = "lua51"
read_globals = { "redis", "cjson", "cmsgpack", "KEYS", "ARGV" }
max_line_length = 96
