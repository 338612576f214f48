-- expect: error bad argument #1 to 'split'
return {
  id = "p07-error-in-helper", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    pcall(string.split, {}, ',')
    string.split({}, ',')
  end,
}
