-- What HAProxy can't say in its configuration: who is part of a canary, what is shown to the other version, who rescues.
-- One thread runs all of this (nbthread 1); everything here is per request and short, or a task of its own.

local words = Map.new("words.map", Map._str)
local NOTHING = "-"

local function word(key)
  local found = words:lookup(key)
  if found == NOTHING then return nil end
  return found
end

local function header(txn, name)
  local values = txn.http:req_get_headers()[name]
  return values and values[0]
end

-- A request goes to the version on trial if it carries the agreed header, or by its share. The same user draws the same
-- number throughout a release, so who is part of a small share is part of each larger one.
local function choose(txn)
  local candidate = word("candidate")
  if candidate == nil then return end
  local name, user = word("header"), word("user")
  local chosen = name ~= nil and header(txn, name) == word("value")
  if not chosen then
    local who = user and header(txn, user)
    local draw = who and (txn.c:xxh32(words:lookup("salt") .. who) & 0xffffffff) / 0x100000000 or math.random()
    chosen = draw * 100 < tonumber(words:lookup("share"))
  end
  if chosen then txn:set_var("txn.lane", candidate) end
end

-- Pairs of a request and its answer wait here for the witness. What does not fit is counted, and told with the next pair.
local MOST, MOST_BYTES = 4000, 64 * 1024 * 1024
local queue, first, last, waiting, dropped = {}, 1, 0, 0, 0
local second, spent = 0, 0

local function within(rate)
  if rate == "all" then return true end
  local now = core.now().sec
  if now ~= second then second, spent = now, 0 end
  spent = spent + 1
  return spent <= tonumber(rate)
end

local function ship(txn)
  local rate = word("mirror")
  if rate == nil or not within(rate) then return end
  local answer = txn.sf:res_body()
  if last - first + 1 >= MOST or waiting > MOST_BYTES or #answer == 0 then
    dropped = dropped + 1
    return
  end
  local about = txn:get_var("txn.lane") .. " " .. dropped .. " " .. txn:get_var("txn.id")
  local pair = string.pack(">s4s4s4", about, txn:get_var("txn.body"), answer)
  dropped = 0
  last = last + 1
  waiting = waiting + #pair
  queue[last] = pair
end

-- Deliver what waits until the witness is gone; a pair that it may not have got whole is sent again to the next one.
local function deliver()
  local witness = core.tcp()
  witness:settimeout(60)
  if witness:connect("unix@pairs.sock") then
    while first <= last do
      local pair = queue[first]
      if witness:send(pair) ~= #pair then break end
      queue[first] = nil
      first, waiting = first + 1, waiting - #pair
      while first > last and word("mirror") do core.msleep(5) end
    end
  end
  witness:close()
end

core.register_task(function()
  while true do
    if first <= last then
      local done, why = pcall(deliver)
      if not done then core.Warning("the witness can't be reached: " .. tostring(why)) end
    end
    core.msleep(50)
  end
end)

-- A request that the model failed on is asked once more, of the fallback.
local function rescue(txn)
  local body = txn:get_var("txn.body")
  local headers = { ["content-type"] = { "application/json" }, ["content-length"] = { tostring(#body) } }
  headers["x-rescued-by"] = { txn:get_var("txn.behind") }
  for name, variable in pairs({ ["authorization"] = "txn.bearer", ["x-api-key"] = "txn.key" }) do
    local value = txn:get_var(variable)
    if value then headers[name] = { value } end
  end
  local asked, heard = pcall(function()
    return core.httpclient():post({
      url = "http://127.0.0.1/predict", dst = "unix@rescue.sock", body = body, headers = headers, timeout = 20000,
    })
  end)
  local whole = asked and heard and heard.status == 200 and heard.body
  txn:set_var("txn.rescued", whole and "yes" or "no")
  if whole then
    local version = heard.headers["x-model-version"]
    txn:set_var("txn.rescuer", version and version[0] or "none")
    txn:set_var("txn.answer", heard.body)
  end
end

core.register_action("choose", { "http-req" }, choose)
core.register_action("ship", { "http-res" }, ship)
core.register_action("rescue", { "http-res" }, rescue)
