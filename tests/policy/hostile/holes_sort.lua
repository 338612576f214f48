-- expect: error a list has more than
local holes = import("holes").make
return {
  id = "holes", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    table.sort(holes())
  end,
}
