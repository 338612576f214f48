-- People are told of what cannot wait.
local function on_branch(event, branches)
  for _, b in ipairs(branches) do
    if event.branch == b then
      return true
    end
  end
  return false
end

local function lines(event, severities, most)
  local text, n = "", 0
  for _, f in ipairs(event.scan.findings) do
    if severities[f.severity] then
      n = n + 1
      if n <= most then
        text = text .. "- " .. f.severity .. " " .. f.title
        if f.file_path then
          text = text .. " (" .. f.file_path .. ":" .. tostring(f.line_number) .. ")"
        end
        text = text .. "\n"
      end
    end
  end
  if n > most then
    text = text .. "and " .. tostring(n - most) .. " more\n"
  end
  return text
end

return {
  {
    id = "notify-new-critical",
    title = "New critical findings on the main branches are told at once",
    description = "After a scan of one of `branches` an alert, and a mail to each of `mail`.",
    on = "scan",
    params = { branches = { "main", "master" }, mail = {} },
    when = function(event, params)
      return event.pr_number == nil and on_branch(event, params.branches)
        and event.scan.new_by_severity.CRITICAL > 0
    end,
    run = function(event, params)
      local n = event.scan.new_by_severity.CRITICAL
      local to = {}
      for i, address in ipairs(params.mail) do
        to[i] = address
      end
      notify {
        title = tostring(n) .. " new critical finding" .. (n == 1 and "" or "s") .. " in "
          .. event.clone_url .. ", branch " .. event.branch,
        text = lines(event, { CRITICAL = true }, 20) .. (event.scan.url or ""),
        severity = "CRITICAL",
        mail = to,
      }
    end,
  },
  {
    id = "call-n8n-on-failed-gate",
    title = "A failed gate starts a flow of n8n or the like",
    description = "The scan goes to `url` as JSON. The host has to be in workflows.hosts, and the "
      .. "secret N8N_TOKEN in workflows.secrets when `token` is true.",
    on = "scan",
    params = { url = "https://n8n.example.com/webhook/secureops", token = false },
    when = function(event)
      return event.scan.gate.result ~= "passed"
    end,
    run = function(event, params)
      local headers = { ["X-SecureOps-Event"] = "gate." .. event.scan.gate.result }
      if params.token then
        headers.Authorization = secret("N8N_TOKEN", "Bearer ")
      end
      call {
        url = params.url,
        headers = headers,
        body = {
          repository = event.clone_url,
          branch = event.branch,
          commit_sha = event.commit_sha,
          gate = event.scan.gate,
          new_by_severity = event.scan.new_by_severity,
          scan_id = event.scan.id,
          url = event.scan.url,
        },
      }
    end,
  },
}
