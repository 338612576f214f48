-- Gates over what was looked at: a scan that saw nothing has found nothing.

local scan = import("scan")

return {
  {
    id = "gate-scanners",
    title = "Every kind of scan that is demanded took place",
    severity = "HIGH",
    applies_to = "scan",
    default = false,
    params = { types = { "SAST", "SCA", "SECRET" } },
    frameworks = { ["nist-ssdf"] = "PW.7.2" },
    description = "Without a scanner of a kind there are no findings of that kind, which reads like a clean result.",
    remediation = "Install a scanner of each kind: secureops doctor says what is missing and how to get it.",
    check = function(report, params)
      for _, kind in ipairs(params.types) do
        local completed, other = scan.scanners(report, kind)
        if #completed == 0 then
          fail(report, "scanners", "no scanner that finds " .. kind .. " completed"
            .. (#other > 0 and " (" .. table.concat(other, ", ") .. " did not)" or ""))
        end
      end
    end,
  },
  {
    id = "gate-complete",
    title = "Every scanner that ran came to its end",
    severity = "HIGH",
    applies_to = "scan",
    default = false,
    description = "A scanner that failed, timed out or saw only a part may have missed anything.",
    remediation = "See the reason of the scanner in the summary.",
    check = function(report)
      for i, s in ipairs(report.scanners) do
        if s.status ~= "completed" and s.status ~= "skipped" and s.status ~= "missing" then
          fail(s, "status", tostring(s.name) .. " is " .. tostring(s.status) .. ": " .. tostring(s.reason))
        elseif s.status == "missing" and s.required then
          fail(s, "status", tostring(s.name) .. " is required and missing")
        end
      end
    end,
  },
}
