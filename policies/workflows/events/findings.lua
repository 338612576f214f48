-- What becomes known between scans, and what is done by the clock.
return {
  {
    id = "call-on-findings",
    title = "New and resolved findings go to another system",
    description = "Findings of `severities` that were detected or resolved are POSTed to `url` as "
      .. "JSON, so that tickets are opened and closed. The host has to be in workflows.hosts; "
      .. "`token` is a name in workflows.secrets.",
    on = "finding",
    params = { url = "", token = "", severities = { "CRITICAL", "HIGH" } },
    when = function(event, params)
      if params.url == "" then
        return false
      end
      for _, s in ipairs(params.severities) do
        if event.by_severity[s] > 0 then
          return true
        end
      end
      return false
    end,
    run = function(event, params)
      local wanted, found, headers = {}, {}, {}
      for _, s in ipairs(params.severities) do
        wanted[s] = true
      end
      for _, f in ipairs(event.findings) do
        if wanted[f.severity] then
          found[#found + 1] = f
        end
      end
      if params.token ~= "" then
        headers.Authorization = secret(params.token, "Bearer ")
      end
      call {
        url = params.url,
        headers = headers,
        body = { action = event.action, repository = event.clone_url, branch = event.branch,
          by_severity = event.by_severity, findings = found },
      }
    end,
  },
  {
    id = "call-on-overdue",
    title = "Findings that are overdue start a flow",
    description = "The alert sla_breached goes to `url` as JSON.",
    on = "alert",
    params = { url = "" },
    when = function(event, params)
      return event.action == "sla_breached" and params.url ~= ""
    end,
    run = function(event, params)
      call { url = params.url, body = { repository = event.clone_url, alert = event.alert } }
    end,
  },
  {
    id = "scan-at-times",
    title = "Repositories are scanned by the clock, with an SBOM",
    description = "Each of `repositories`, which have to be in workflows.targets; with all that is "
      .. "installed.",
    on = "schedule",
    params = { repositories = {}, sbom = true },
    when = function(event, params)
      return #params.repositories > 0
    end,
    run = function(event, params)
      for _, r in ipairs(params.repositories) do
        scan { repository = r, sbom = params.sbom, priority = 2 }
      end
    end,
  },
}
