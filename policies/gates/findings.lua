-- Gates over the findings of a scan. Each has `max`, how many are let through, and leaves out what
-- is suppressed; with only_fixable also what has no fix yet.

local scan = import("scan")

local function severity_gate(severity)
  return function(report, params)
    scan.judge(report, params, function(f)
      return f.severity == severity and "severity " .. severity
    end)
  end
end

return {
  {
    id = "gate-critical",
    title = "No critical finding is open",
    severity = "CRITICAL",
    applies_to = "scan",
    default = false,
    params = { max = 0, only_fixable = false },
    frameworks = { ["nist-ssdf"] = "RV.2.2" },
    description = "Critical findings can be used by anyone who reaches the system.",
    remediation = "Fix them, or write a waiver with reason, owner and expiry.",
    check = severity_gate("CRITICAL"),
  },
  {
    id = "gate-high",
    title = "No finding of high severity is open",
    severity = "HIGH",
    applies_to = "scan",
    default = false,
    params = { max = 0, only_fixable = false },
    description = "High findings need one condition more than critical ones.",
    remediation = "Fix them, or write a waiver with reason, owner and expiry.",
    check = severity_gate("HIGH"),
  },
  {
    id = "gate-new-critical",
    title = "The change brings no new critical or high finding",
    severity = "HIGH",
    applies_to = "scan",
    default = false,
    params = { max = 0, only_fixable = false, severity = "HIGH" },
    description = "What was there before is left to its own plan; what comes new, or back, stops the change. The store (--store) knows what was there; without it everything is new.",
    remediation = "Fix what the change brings in.",
    check = function(report, params)
      local started = report.scan.started_at
      scan.judge(report, params, function(f)
        if not scan.at_least(f.severity, params.severity) then
          return nil
        end
        local age = f.first_detected and time.days(f.first_detected, started)
        return (age == nil or age <= 0) and "new, severity " .. f.severity
      end)
    end,
  },
  {
    id = "gate-known-exploited",
    title = "No vulnerability that is known to be exploited is open",
    severity = "CRITICAL",
    applies_to = "scan",
    default = false,
    params = { max = 0, only_fixable = false },
    frameworks = { ["pci-dss"] = "6.3.3" },
    links = { "https://www.cisa.gov/known-exploited-vulnerabilities-catalog" },
    description = "Somebody is using it against others already.",
    remediation = "Update the package first of all.",
    check = function(report, params)
      scan.judge(report, params, function(f)
        return f.kev == true and "known to be exploited"
      end)
    end,
  },
  {
    id = "gate-epss",
    title = "No vulnerability that will probably be exploited is open",
    severity = "HIGH",
    applies_to = "scan",
    default = false,
    params = { max = 0, only_fixable = false, threshold = 0.5 },
    links = { "https://www.first.org/epss/" },
    description = "EPSS estimates the probability that a vulnerability is exploited within 30 days.",
    remediation = "Update the package, or raise `threshold` with a reason.",
    check = function(report, params)
      scan.judge(report, params, function(f)
        return (f.epss or 0) >= params.threshold and "EPSS " .. tostring(f.epss)
      end)
    end,
  },
  {
    id = "gate-risk",
    title = "No finding has a high risk score",
    severity = "HIGH",
    applies_to = "scan",
    default = false,
    params = { max = 0, only_fixable = false, threshold = 80 },
    description = "The risk score joins severity, exploitation and kind of finding, from 0 to 100.",
    remediation = "Fix the finding; risk_explanation says what makes up the score.",
    check = function(report, params)
      scan.judge(report, params, function(f)
        return (f.risk_score or 0) >= params.threshold and "risk " .. tostring(f.risk_score)
      end)
    end,
  },
  {
    id = "gate-secrets",
    title = "No secret lies in the code",
    severity = "HIGH",
    applies_to = "scan",
    default = false,
    params = { max = 0, only_fixable = false },
    frameworks = { ["pci-dss"] = "8.6.2" },
    cwe = { 798 },
    description = "A secret in a repository is known to everyone who ever had a clone of it.",
    remediation = "Rotate the secret, then remove it from the source.",
    check = function(report, params)
      scan.judge(report, params, function(f)
        return f.vulnerability_type == "SECRET" and "a secret"
      end)
    end,
  },
  {
    id = "gate-licenses",
    title = "No component has a licence that is not allowed",
    severity = "MEDIUM",
    applies_to = "scan",
    default = false,
    params = { max = 0, only_fixable = false, denied = { "AGPL-*", "SSPL-*", "BUSL-*" } },
    description = "Licences bind whoever passes the software on, or offers it as a service.",
    remediation = "Replace the component, or agree on the licence and take it out of `denied`.",
    check = function(report, params)
      scan.judge(report, params, function(f)
        if f.vulnerability_type ~= "LICENSE" then
          return nil
        end
        for _, pattern in ipairs(params.denied) do
          for _, text in ipairs({ f.rule_id or "", f.metadata.license or "", f.title or "" }) do
            if text:glob(pattern) or text:glob("* " .. pattern) then
              return "the licence matches " .. pattern
            end
          end
        end
        return scan.at_least(f.severity, "HIGH") and "the scanner rates the licence " .. f.severity
      end)
    end,
  },
  {
    id = "gate-age",
    title = "Findings are fixed in time",
    severity = "MEDIUM",
    applies_to = "scan",
    default = false,
    params = { max = 0, only_fixable = false, critical = 7, high = 30, medium = 90, low = 180 },
    frameworks = { ["nist-800-53"] = "SI-2" },
    description = "Each severity has a number of days from the first detection. The store (--store) knows that day; without it every finding is of today, and in time.",
    remediation = "Fix what is overdue, or write a waiver with reason, owner and expiry.",
    check = function(report, params)
      local now_text = report.scan.completed_at
      scan.judge(report, params, function(f)
        local limit = params[tostring(f.severity):lower()]
        local age = limit and f.first_detected and time.days(f.first_detected, now_text)
        return age and age > limit and "open for " .. tostring(math.floor(age)) .. " days, "
            .. tostring(limit) .. " are allowed"
      end)
    end,
  },
}
