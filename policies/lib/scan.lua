-- Findings of a scan's report, for gates.

local scan = {}

local RANK = { INFO = 1, LOW = 2, MEDIUM = 3, HIGH = 4, CRITICAL = 5 }

-- Whether a finding counts: open, not suppressed, new when the scan was compared, and (with only_fixable) with a fix at hand.
function scan.counts(f, params)
  if next(f.suppressions) ~= nil or f.status == "FALSE_POSITIVE" or f.status == "ACCEPTED"
      or f.status == "RESOLVED" or f.baseline_state == "unchanged" then
    return false
  end
  return not (params.only_fixable and f.vulnerability_type == "SCA" and f.package.fixed_version == nil)
end

function scan.at_least(severity, limit)
  return (RANK[severity] or 0) >= (RANK[limit] or 6)
end

-- Fails for every finding that counts and that `judge` returns a reason for, when there are more
-- than params.max of them.
function scan.judge(report, params, judge)
  local found = {}
  for i, f in ipairs(report.findings) do
    if scan.counts(f, params) then
      local reason = judge(f)
      if reason then
        table.insert(found, { finding = f, reason = reason })
      end
    end
  end
  if #found <= (params.max or 0) then
    return
  end
  for _, x in ipairs(found) do
    local f = x.finding
    local place = f.file_path and f.file_path .. (f.line_number and ":" .. tostring(f.line_number) or "")
        or f.resource or f.package.name or ""
    fail(f, tostring(f.title) .. (place ~= "" and " (" .. place .. ")" or "") .. ": " .. x.reason)
  end
end

-- The names of the scanners of one type of finding, by how they ended.
function scan.scanners(report, kind)
  local completed, other = {}, {}
  for _, s in ipairs(report.scanners) do
    for _, t in ipairs(s.finds) do
      if t == kind then
        table.insert(s.status == "completed" and completed or other, s.name)
      end
    end
  end
  return completed, other
end

return scan
