-- expect: error too many results
return {
  id = "unpack-huge", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    table.unpack({}, 1, 1e7)
  end,
}
