// What the official SDKs for JavaScript call beside conversations: models, embeddings, completions, counting, stored
// responses, errors of each class and calls that are given up. Arguments: URL KEY FOLDER; prints one JSON line a step
// for the caller to compare.
import { createRequire } from "node:module";

const [url, key, folder] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const OpenAI = require("openai").default ?? require("openai");
const Anthropic = require("@anthropic-ai/sdk").default ?? require("@anthropic-ai/sdk");
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: "Hello" }];

async function step(name, work) {
  let value;
  try {
    value = await work();
  } catch (error) {
    value = { thrown: error.constructor.name, status: error.status ?? null, words: String(error.message) };
  }
  console.log(JSON.stringify({ name, value }));
}

const ask = {
  chat: (model, stream, options) => openai.chat.completions.create({ model, messages, stream }, options),
  messages: (model, stream, options) => anthropic.messages.create({ model, messages, max_tokens: 9, stream }, options),
  responses: (model, stream, options) => openai.responses.create({ model, input: "Hello", stream }, options),
  completions: (model, stream, options) => openai.completions.create({ model, prompt: "Hello", max_tokens: 9, stream }, options),
};

await step("models", async () => (await openai.models.list()).data.map((model) => model.id));
await step("model", async () => (await openai.models.retrieve("small")).id);
await step("no model", async () => (await openai.models.retrieve("nothing")).id);
await step("embeddings", async () => {
  const reply = await openai.embeddings.create({ model: "up/vectors", input: ["a", "b"] });
  return { vectors: reply.data.map((one) => Array.from(one.embedding)), tokens: reply.usage.prompt_tokens };
});
await step("floats", async () => (await openai.embeddings.create({ model: "up/vectors", input: "a", encoding_format: "float" })).data[0].embedding);
for (const model of ["up/hello", "ant/hello", "legacy/hello"]) {
  await step(`completions ${model}`, async () => (await ask.completions(model, false)).choices[0].text);
  await step(`completions streamed ${model}`, async () => {
    let text = "";
    for await (const chunk of await ask.completions(model, true)) for (const choice of chunk.choices) text += choice.text;
    return text;
  });
}
await step("count_tokens", async () => (await anthropic.messages.countTokens({ model: "ant/hello", messages })).input_tokens);
for (const model of ["up/hello", "ant/hello"]) {
  await step(`stored ${model}`, async () => {
    const made = await ask.responses(model, false);
    const next = await openai.responses.create({ model, input: "And then?", previous_response_id: made.id });
    const found = await openai.responses.retrieve(made.id);
    const items = await openai.responses.inputItems.list(next.id, { order: "asc" });
    await openai.responses.delete(made.id);
    let after = "found";
    try {
      await openai.responses.retrieve(made.id);
    } catch (error) {
      after = error.constructor.name;
    }
    return { same: found.id === made.id, text: found.output_text, roles: items.data.map((item) => item.role), after };
  });
}

for (const [door, call] of Object.entries(ask)) {
  for (const status of [400, 403, 404, 409, 422, 429, 500, 503, 529]) {
    for (const streamed of [false, true]) await step(`${door} ${status} ${streamed}`, () => call(`up/status-${status}-${door}-${streamed}`, streamed));
  }
  await step(`${door} broken`, async () => {
    const types = [];
    try {
      for await (const event of await call("up/broken", true)) types.push(event.type ?? "chunk");
    } catch (error) {
      return { types, thrown: error.constructor.name, words: String(error.message) };
    }
    return { types, thrown: null };
  });
}
const strangers = [new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong", maxRetries: 0 }), new Anthropic({ baseURL: url, apiKey: "wrong", maxRetries: 0 })];
await step("wrong key openai", () => strangers[0].chat.completions.create({ model: "small", messages }));
await step("wrong key anthropic", () => strangers[1].messages.create({ model: "small", messages, max_tokens: 9 }));

// Given up: before anything came of a whole answer, and in the middle of a stream.
for (const [door, call] of Object.entries(ask)) {
  for (const streamed of [false, true]) {
    await step(`${door} given up ${streamed}`, async () => {
      const controller = new AbortController();
      let at = 0;
      const give_up = () => {
        at = Date.now() / 1000;
        controller.abort();
      };
      const model = `up/stall-${door}-${streamed}`;
      try {
        if (streamed) {
          for await (const event of await call(model, true, { signal: controller.signal })) if (event && !at) give_up();
        } else {
          setTimeout(give_up, 300);
          await call(model, false, { signal: controller.signal });
        }
      } catch (error) {
        return { model, at, thrown: error.constructor.name };
      }
      return { model, at, thrown: null };
    });
  }
}
