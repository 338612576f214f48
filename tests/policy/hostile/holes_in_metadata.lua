-- expect: problem a list has more than
local holes = import("holes").make
return {
  id = "holes", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  cwe = holes(),
  check = function(r, params)
  end,
}
