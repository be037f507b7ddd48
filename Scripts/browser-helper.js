// The browser helper, as people read it. Scripts/browser-helper.py makes the text from it that the server sends as
// /.well-known/daypass/client.js. Every line ends in a mark after which nothing but a line break may be left out.
//
//   import { daypass } from "https://api.example.com/.well-known/daypass/client.js";
//   const api = daypass({ key: "pk_live_…", base: "https://api.example.com/api/v1" });
//   const answer = await api.fetch("/quotes", { method: "POST", body: JSON.stringify(quote) });
//
// `fetch` is the browser's, with the key and, where one is needed, a session token. Tokens live in this closure only.
// A refusal comes back as the server's answer; a network that fails and an abort reject, as they do with `fetch`.

// Waits for `work`, but no longer than until `signal` aborts.
const wait = (signal, work) => new Promise((resolve, reject) => {
  const stop = () => reject(signal.reason);
  Promise.resolve(work).then(resolve, reject).finally(() => signal?.removeEventListener("abort", stop));
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop);
});

export const daypass = ({ key, base }) => {
  // The token, when to renew it (after 80 % of its life) and when it ends, by this browser's clock.
  let token, renewal = 0, end = 0;
  // The one creation of a token that everybody waits for.
  let minting;
  // Whether the server has asked for a token on a read.
  let reads;

  // One request, repeated while the server says when: three times at most, and 30 seconds all told. A body that is a
  // stream cannot be sent again.
  const send = async (path, init, session) => {
    const headers = new Headers(init.headers);
    headers.set("Authorization", "Bearer " + key);
    // Without the slash a path could become part of the host's name.
    const url = base + (path[0] == "/" ? path : "/" + path);
    if (session) headers.set("X-Session-Token", session);
    for (let tries = 3, left = 30; ; tries--) {
      const answer = await fetch(url, { ...init, headers });
      const seconds = parseInt(answer.headers.get("Retry-After"));
      if (answer.status != 429 && answer.status != 503 || !(seconds >= 0) || seconds > left || !tries ||
        init.body instanceof ReadableStream) return answer;
      left -= seconds;
      await wait(init.signal, new Promise((resolve) => setTimeout(resolve, seconds * 1e3)));
    }
  };

  // Creates or renews the token; answers the server's refusal, if it is one. A renewal that fails is no harm while the
  // token is good. A clock that is wrong by more than the token's life must not lead to a new one for each request.
  const mint = async () => {
    const ask = () => send("/sessions", { method: "POST" }, token);
    let answer = await ask();
    if (answer.status == 401 && token) {
      token = end = 0;
      answer = await ask();
    }
    const now = Date.now();
    if (answer.ok) {
      const { data } = await answer.json();
      const life = Math.max(3e4, Date.parse(data.expiresAt) - now);
      token = data.sessionToken;
      renewal = now + life * .8;
      end = now + life;
    } else if (now < end) {
      renewal = now + 5e3;
    } else {
      return answer;
    }
  };

  return {
    async fetch(path, init = {}) {
      init.signal?.throwIfAborted();
      const isRead = /^(get|head)$/i.test(init.method || "get");
      for (let again = true; ; again = false) {
        let session;
        if (!isRead || reads) {
          if (!token || Date.now() >= renewal) {
            minting ||= mint().finally(() => minting = 0);
            const refusal = await wait(init.signal, minting);
            if (refusal) return refusal.clone();
          }
          session = token;
        }
        const answer = await send(path, init, session);
        if (answer.status != 401) return answer;
        const code = (await answer.clone().json().catch(() => 0))?.error?.code;
        const isOurs = session && session == token;
        if (code == "SESSION_INVALID" && isOurs) token = end = 0;
        if (code == "SESSION_EXPIRED" && isOurs) renewal = end = 0;
        if (code == "SESSION_REQUIRED") reads = true;
        if (!again || init.body instanceof ReadableStream ||
          code != "SESSION_EXPIRED" && !(code == "SESSION_REQUIRED" && !session)) return answer;
      }
    },
  };
};
