-- expect: fail none
return {
  id = "referrers-without-address", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local n = #terraform.referrers(r.spec, 'aws_x', 'bucket')
    for _, x in ipairs(terraform.referrers(r, 'aws_x', 'bucket')) do n = n + #x end
    if n == 0 then fail('none') end
  end,
}
