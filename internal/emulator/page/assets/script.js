"use strict";
// Puts what the event stream brings where it belongs. All HTML is the server's, which has escaped
// it; the policy of the page keeps anything in it from running.
(() => {
  const byId = (id) => document.getElementById(id);
  const live = byId("live"), filter = byId("filter"), send = byId("send");
  const max = Number(document.body.dataset.max);

  const fragment = (html) => {
    const t = document.createElement("template");
    t.innerHTML = html;
    return t.content;
  };
  const add = (list, html) => {
    const one = fragment(html).firstElementChild;
    if (!list || !one || byId(one.id)) return; // it comes again after a break
    one.classList.add("new");
    list.prepend(one);
    while (list.childElementCount > max) list.lastElementChild.remove();
  };
  const replace = (place, html) => place && place.replaceChildren(fragment(html));
  const say = (text, on) => {
    live.textContent = text;
    live.classList.toggle("on", on);
  };

  const source = new EventSource(document.body.dataset.stream);
  source.onopen = () => say("live", true);
  source.onerror = () => say(source.readyState === EventSource.CLOSED ? "not live: reload" : "connecting …", false);
  source.addEventListener("message", (e) => add(byId("messages"), e.data));
  source.addEventListener("sms", (e) => add(byId("sms"), e.data));
  source.addEventListener("summary", (e) => replace(byId("summary"), e.data));
  source.addEventListener("modem", (e) => replace(byId("modem-state"), e.data));
  source.addEventListener("restart", () => {
    source.close();
    location.reload();
  });

  if (filter) {
    filter.classList.add("scripted"); // the button is not needed
    filter.addEventListener("change", () => filter.requestSubmit());
  }
  if (send) {
    send.addEventListener("submit", async (e) => {
      e.preventDefault();
      const button = send.querySelector("button"), sent = byId("sent");
      button.disabled = true;
      try {
        const answer = await fetch(send.action, {
          method: "POST", body: new URLSearchParams(new FormData(send)), headers: { Accept: "text/plain" },
        });
        sent.textContent = await answer.text();
        if (answer.ok) send.elements.text.value = "";
      } catch {
        sent.textContent = "Not sent: the emulator does not answer";
      }
      button.disabled = false;
    });
  }
})();
