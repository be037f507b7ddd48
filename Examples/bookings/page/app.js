import { key, server } from "./config.js";

// Daypass's helper: `fetch` with the key, and with session tokens that it gets and renews by itself.
const { daypass } = await import(`${server}/.well-known/daypass/client.js`);
const api = daypass({ key, base: `${server}/api/v1` });

const form = document.getElementById("form");
const list = document.getElementById("list");
const status = document.getElementById("status");

/** The answer's JSON; throws with what the API or Daypass said. */
async function call(path, init) {
  const answer = await api.fetch(path, init);
  const body = await answer.json();
  if (answer.ok) return body;
  const { code, message } = body.error ?? { code: answer.status, message: body.problem };
  throw new Error(`${message} (${code})`);
}

async function load() {
  const { bookings } = await call("/bookings");
  list.replaceChildren(...bookings.map(({ name, date, from }) => {
    const item = document.createElement("li");
    const by = document.createElement("small");
    by.textContent = `from ${from}`;
    item.append(`${date} · ${name} `, by);
    return item;
  }));
  list.dataset.ready = "yes";
}

async function book(booking) {
  await call("/bookings", {
    method: "POST",
    // A second try of the same click books nothing twice.
    headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
    body: JSON.stringify(booking),
    // A refusal that asks for patience is waited out by the helper; nobody waits longer than this for a click.
    signal: AbortSignal.timeout(10_000),
  });
}

/** Does something with the form closed, and says what came of it. */
async function doing(what, done) {
  form.inert = true;
  status.textContent = "…";
  try {
    await what();
    status.textContent = done;
  } catch (error) {
    status.textContent = error.message;
  } finally {
    form.inert = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const booking = Object.fromEntries(new FormData(form));
  doing(async () => {
    await book(booking);
    form.reset();
    await load();
  }, "Booked.");
});

doing(load, "");
