local t = import("expect")
local function count(...)
  return select("#", ...)
end
return {
  id = "base", title = "base", severity = "LOW", applies_to = "kubernetes", remediation = "-",
  check = function(r)
    t.eq(type(r), "table")
    t.eq(type(r.metadata.name), "string")
    t.eq(type(r.nothing.at.all), "nil")
    t.eq(type(fail), "function")
    t.eq(tostring(nil), "nil")
    t.eq(tostring(12), "12")
    t.eq(tostring(1.5), "1.5")
    t.eq(tostring(r), "(map)")
    t.eq(tostring(r.spec.containers), "(list)")
    t.eq(tostring({}), "table")
    t.eq(tostring(print_nothing == nil and nil), "nil")
  end,
  description = "The last line of the check is an error: print_nothing is no global.",
}
