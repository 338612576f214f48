-- Shows that a wrong expectation is seen: this one is an error verdict.
local t = import("expect")
return {
  id = "failing", title = "fails", severity = "LOW", applies_to = "kubernetes", remediation = "-",
  check = function(r)
    t.eq({ 1, { a = 2 } }, { 1, { a = 3 } }, "nested")
  end,
}
