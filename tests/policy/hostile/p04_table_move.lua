-- expect: error 'table.move' is not defined
return {
  id = "p04-table-move", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    table.move({}, 1, 1e9, 2)
  end,
}
