// The official OpenAI and Anthropic SDKs for JavaScript against a running door; prints one JSON line a case for the
// caller to compare. Arguments: URL KEY, then cases as JSON on standard input: [{door, model, streamed}].
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [url, key, folder] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const OpenAI = require("openai").default ?? require("openai");
const Anthropic = require("@anthropic-ai/sdk").default ?? require("@anthropic-ai/sdk");
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const question = [{ role: "user", content: "What was recorded?" }];

async function chat(model, streamed) {
  const said = { text: "", tools: [] };
  if (!streamed) {
    const reply = await openai.chat.completions.create({ model, messages: question });
    const message = reply.choices[0].message;
    said.text = Array.isArray(message.content) ? message.content.map((part) => (part.type === "text" ? part.text : "")).join("") : message.content ?? "";
    for (const call of message.tool_calls ?? []) if (call.function) said.tools.push([call.function.name, call.function.arguments]);
    if (reply.usage) [said.input, said.output] = [reply.usage.prompt_tokens, reply.usage.completion_tokens];
    return said;
  }
  const calls = new Map();
  for await (const chunk of await openai.chat.completions.create({ model, messages: question, stream: true, stream_options: { include_usage: true } })) {
    if (chunk.usage) [said.input, said.output] = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens];
    for (const choice of chunk.choices) {
      const content = choice.delta.content;
      said.text += Array.isArray(content) ? content.map((part) => part.text ?? "").join("") : content ?? "";
      for (const call of choice.delta.tool_calls ?? []) {
        const kept = calls.get(call.index) ?? ["", ""];
        kept[0] ||= call.function?.name ?? "";
        kept[1] += call.function?.arguments ?? "";
        calls.set(call.index, kept);
      }
    }
  }
  said.tools = [...calls.entries()].sort((a, b) => a[0] - b[0]).map(([, call]) => call);
  return said;
}

async function messages(model, streamed) {
  const asked = { model, max_tokens: 4096, messages: question };
  const reply = streamed ? await anthropic.messages.stream(asked).finalMessage() : await anthropic.messages.create(asked);
  const said = { text: "", tools: [] };
  for (const block of reply.content) {
    if (block.type === "text") said.text += block.text;
    if (block.type === "tool_use") said.tools.push([block.name, JSON.stringify(block.input)]);
  }
  const usage = reply.usage;
  said.input = usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  said.output = usage.output_tokens;
  return said;
}

async function responses(model, streamed) {
  let reply;
  if (streamed) {
    for await (const event of await openai.responses.create({ model, input: "What was recorded?", stream: true })) {
      if (["response.completed", "response.incomplete", "response.failed"].includes(event.type)) reply = event.response;
    }
  } else reply = await openai.responses.create({ model, input: "What was recorded?" });
  const said = { text: "", tools: [] };
  for (const item of reply.output) {
    if (item.type === "message") said.text += item.content.filter((part) => part.type === "output_text").map((part) => part.text).join("");
    if (item.type === "function_call") said.tools.push([item.name, item.arguments]);
  }
  if (reply.usage) [said.input, said.output] = [reply.usage.input_tokens, reply.usage.output_tokens];
  return said;
}

const doors = { chat, messages, responses };
for (const { door, model, streamed } of JSON.parse(readFileSync(0, "utf8"))) {
  let out;
  try {
    out = await doors[door](model, streamed);
  } catch (error) {
    out = { error: String(error?.message ?? error), status: error?.status ?? null };
  }
  console.log(JSON.stringify({ door, model, ...out }));
}
