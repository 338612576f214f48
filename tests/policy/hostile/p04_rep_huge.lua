-- expect: error larger than 1 MiB
return {
  id = "p04-rep-huge", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local s = ('x'):rep(1 << 62)
  end,
}
