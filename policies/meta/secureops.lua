---@meta secureops
-- What a policy may use: the whole interface between the engine and Lua, for editors (LuaLS) and
-- readers. Nothing here is executed. The text of docs/policy-guide.md explains it with examples.
--
-- A policy file returns one policy, or a list of them:
--
--     return {
--       id = "k8s-privileged",
--       title = "Containers do not run privileged",
--       severity = "HIGH",
--       applies_to = "kubernetes:workload",
--       aliases = { "CKV_K8S_16", "KSV-0017", "kics:dd29336b-fe57-445b-a26e-e6aa867ae609" },
--       frameworks = { ["pod-security-baseline"] = "privileged", ["cis-kubernetes"] = { "5.2.2" } },
--       remediation = "Remove securityContext.privileged, or set it to false.",
--       check = function(r)
--         for _, c in k8s.containers(r) do
--           if c.securityContext.privileged == true then
--             fail(c, "securityContext.privileged", "container " .. c.name .. " is privileged", { set = false })
--           end
--         end
--       end,
--     }
--
-- A check that ends without fail(), unknown() or not_applicable() has passed; one that returns a
-- value is an error: nobody reads it. A check may fail in
-- several places; each is reported. What the document holds is read like a Lua table and cannot be
-- changed. Keys that are not there read as nil, at any depth: r.spec.template.metadata.labels is
-- nil when one of them is missing; ipairs, pairs and # of nil, and of a scalar, find nothing. A value that is known only at run time stops the check that
-- reads it with the verdict `unknown`, unless fail() was already called or is_unknown() was asked
-- before; a loop over a list with such items sees the known ones first. Secrets may be compared,
-- but a message that is computed after one was read is withheld.
--
-- Beside Lua: ipairs and pairs of what is not there, or is no table, visit nothing, and `#` of it
-- is 0; pairs over a table goes by keys, numbers first; `..` takes nil, booleans and parts of the
-- document, so that a message is not lost with a missing name; an undefined global, and a function
-- that a library does not have, are errors. Nothing is kept between resources: globals are set at
-- the top of a file only, and a policy that hoards memory is switched off.

---@alias Severity "CRITICAL"|"HIGH"|"MEDIUM"|"LOW"|"INFO"
---@alias Node table|string|number|boolean|nil a value of the document

---@class Policy
---@field id string lower case, digits, hyphens; unique in all bundles
---@field title string what is demanded, as a sentence
---@field severity Severity
---@field applies_to string|string[] selectors of resources: "kubernetes", "kubernetes:workload", "kubernetes:Service", "dockerfile", "dockerfile:stage", "dockerfile:RUN", "compose:service", "github", "github:job", "github:step", "gitlab", "gitlab:job", "terraform", "terraform:resource", "terraform:aws_s3_bucket", "scan"
---@field aliases? string[] the same check elsewhere: "CKV_K8S_16", "KSV-0017", "DS-0002", "kics:<query id>", "PSA:privileged"
---@field frameworks? table<string, string|string[]> framework id to its controls
---@field description? string why it matters
---@field remediation string what to do
---@field links? string[]
---@field cwe? integer[]
---@field scope? "resource"|"project" "project": asks for other resources with resources(); default "resource"
---@field default? boolean false: not part of a scan unless chosen by id, framework or configuration
---@field params? table<string, string|number|boolean|string[]> name to default; set in the configuration
---@field check fun(r: Node, params: table)

-- ---- verdicts ---------------------------------------------------------------------------------

---Fails the resource. `where` is a part of the document; `path` below it, with dots and [i] (the
---first item is 0), may name something that is not there: "securityContext.privileged",
---"ports[0].hostPort". Without `where` it is the resource itself.
---`fix`: { set = value } replaces or adds what the path names, { remove = true } removes it,
---{ replace = "text", with = "text" } is for Dockerfiles: words of the place, where they stand first.
---@overload fun(message: string)
---@overload fun(where: Node, message: string)
---@param where Node
---@param path string
---@param message string
---@param fix? { set: any, remove: boolean, replace: string, with: string }
function fail(where, path, message, fix) end

---Ends the check: a value that decides is known only at run time. Loses against an earlier fail().
---@param why? string
function unknown(why) end

---Ends the check: this resource is not what the policy speaks of.
---@param why? string
function not_applicable(why) end

-- ---- values -----------------------------------------------------------------------------------

---True when the value at the path is known only at run time.
---@param where Node
---@param path string
---@return boolean
function is_unknown(where, path) end

---True when there is something at the path: also null, also an unknown value.
---@param where Node
---@param path string
---@return boolean
function has(where, path) end

---The value at the path; ["a.b"] is a key with dots, or the path is a list of keys and of numbers
---(from 0). A value that is known only at run time ends the check, as reading it does.
---@param where Node
---@param path string|string[]
---@return Node
function get(where, path) end

---A list of the keys of a map, in the order of the document.
---@return string[]
function keys(where) end

---JSON inside a string, read where it stands: get(r, "policy"), then json(r, "policy").
---nil and a message when it is no JSON. A table or map is returned as it is.
---@param where Node
---@param path string
---@return Node value, string? error
function json(where, path) end

---True for a string that holds "${{", "${" or "{{": it is completed elsewhere.
---@return boolean
function is_template(s) end

---All resources of a selector, of all documents (scope = "project").
---@param selector string
---@return Node[]
function resources(selector) end

---The resource that this one is part of: the job of a step, the stage of an instruction.
---@return Node
function parent(r) end

---@return string the name of the resource, as reported
function resource_name(r) end

---@return string the path of its file
function file_path(r) end

---The time of the input in seconds since 1970: of the scan or plan; nil when it has none.
---@return number?
function now() end

-- ---- string: also as methods, ("x"):contains("y") -----------------------------------------------
-- byte char format len lower upper reverse sub rep (capped), find (plain, no patterns) and:

---@return boolean
function string.contains(s, part) end
---@return boolean
function string.startswith(s, part) end
---@return boolean
function string.endswith(s, part) end
---@return string[] pieces between the separators; an empty separator: white space
function string.split(s, separator) end
---@return string without white space at both ends
function string.trim(s) end
---@return string with every `from` (plain text) replaced; the result may be at most 1 MiB
function string.replace(s, from, to) end
---* within a path segment, ** across, ? one character, [a-z] [!x], {a,b}
---@return boolean
function string.glob(s, pattern) end
---Only ASCII letters, digits and what `extra` lists.
---@return boolean
function string.is_word(s, extra) end

-- ---- helpers ------------------------------------------------------------------------------------

semver = {}
---Compares by Semantic Versioning; missing parts are 0, a leading v is left out.
---@return integer? -1, 0, 1; nil when one of them is no version
function semver.compare(a, b) end
---@param range string ">=1.25", "<2.0 >=1.4", "1.x"
---@return boolean?
function semver.satisfies(version, range) end

cidr = {}
---@return boolean? whether `inner` (address or network, IPv4 or IPv6) lies within `outer`; nil: malformed
function cidr.contains(outer, inner) end
---@return boolean? whether the networks share an address
function cidr.overlaps(a, b) end
---@return boolean? whether everyone in the internet is in it: 0.0.0.0/0, ::/0, or all of them in halves
function cidr.is_any(net) end
---@return integer? the prefix length
function cidr.prefix(net) end

cve = {}
---@return integer? year, integer? number
function cve.parse(id) end

time = {}
---RFC 3339 or a date to seconds since 1970; nil: malformed.
---@return number?
function time.parse(s) end
---@return number? days from a to b (strings or seconds)
function time.days(a, b) end

image = {}
---@return { registry: string?, repository: string, tag: string?, digest: string?, name: string }? nil: malformed or a template
function image.parse(reference) end

shell = {}
---The simple commands of a command line: name, args (without the name), env.
---@return { name: string, args: string[], env: table<string, string> }[]
function shell.commands(text) end

k8s = {}
---The pod spec of a workload, wherever its kind keeps it; nil for other objects.
---@return Node
function k8s.pod_spec(r) end
---The metadata that the pods get (annotations, labels).
---@return Node
function k8s.pod_metadata(r) end
---Iterates containers, initContainers and ephemeralContainers: for i, c, list in k8s.containers(r).
---`which`: "containers", "initContainers", "ephemeralContainers", or several with commas between.
---@return fun(): integer, Node, string
function k8s.containers(r, which) end
---Effective value of a field of securityContext: of the container, else of the pod; second value:
---the map it stands in.
---@return Node value, Node where
function k8s.security(r, container, field) end
---metadata.namespace, else "default".
---@return string
function k8s.namespace(r) end
---Whether a label selector (matchLabels, matchExpressions, or a plain map) selects these labels.
---@return boolean
function k8s.selects(selector, labels) end
---The value of a flag among command and args of a container ("--anonymous-auth=false", or the next
---word): value, and the list and index where it stands; nil: not given. "" for a bare flag.
---@return string? value, Node? list, integer? index
function k8s.flag(container, name) end

iam = {}
---The statements of an IAM policy document (JSON string or map): effect, and always lists in
---actions, not_actions, resources, not_resources, principals ("*", or "AWS:arn..."), with
---conditions as it stands and node, where it stands.
---@return { effect: string, actions: string[], not_actions: string[], resources: string[], not_resources: string[], principals: string[], conditions: Node, node: Node }[]
function iam.statements(document) end

terraform = {}
---Addresses that an argument refers to in the configuration: { "aws_kms_key.x" }; {} when none.
---@return string[]
function terraform.references(r, attribute) end
---Whether the configuration sets the argument, even when its value is unknown.
---@return boolean
function terraform.configured(r, attribute) end
---Resources of a type that refer to this one by an argument, in its module: bucket of a public
---access block (scope = "project").
---@return Node[]
function terraform.referrers(r, type, attribute) end

---Loads a library of the bundle, lib/NAME.lua, which returns a table of functions. At the top of a
---file only.
---@return table
function import(name) end

-- Workflows: docs/workflows.md. A file returns one, or a list of them.

---@class Workflow
---@field id string lower case, digits, hyphens; unique in all bundles
---@field title string
---@field on string|string[] "push", "tag", "pull_request", "release", "pipeline", "job", "check", "comment", "manual", "merge_group", "scan"
---@field run fun(event: Node, params: table): table? what it returns replaces members of the event for the workflows after it
---@field when? fun(event: Node, params: table): boolean
---@field params? table<string, string|number|boolean|string[]>
---@field description? string
---@field links? string[]

---@class Secret

---A scan: of the event's code, or of another repository that workflows.targets names.
---@param with { repository?: string, branch?: string, commit?: string, base?: string, types?: string[], scanners?: string[], skip?: string[], frameworks?: string[], gates?: string[], fail_on?: string, priority?: integer, at?: string }
function scan(with) end

---An alert, and mails to addresses that workflows.recipients names.
---@param with { title: string, text?: string, severity?: Severity, mail?: string[] }
function notify(with) end

---Starts a pipeline at a platform.
---@param with { workflow: string, integration?: string, repository?: string, ref?: string, inputs?: table<string, string> }
function trigger(with) end

---One comment on the event's pull request, kept up to date.
---@param with { text: string }
function comment(with) end

---One HTTP request to a host that workflows.hosts names; a table as body is sent as JSON.
---@param with { url: string, method?: "POST"|"PUT"|"PATCH"|"GET"|"DELETE", headers?: table<string, string|Secret>, body?: any }
function call(with) end

---One of our own pipelines.
---@param with { name: string, ref?: string, inputs?: table<string, string> }
function pipeline(with) end

---The value of a header that the engine knows: workflows.secrets.
---@param name string
---@param prefix? string
---@return Secret
function secret(name, prefix) end
