import { render } from "preact";
import { Api } from "./api";
import { Board } from "./board";
import { EventStream } from "./events";
import { initialState, Store } from "./store";
import { VersionWatch } from "./version";
import { App } from "./view/App";

const store = new Store(initialState);
const board = new Board(store, new Api());
const versions = new VersionWatch(store);
const stream = new EventStream("/api/events", {
  event(event) {
    // Another backend than before: most likely a deploy, which brought a frontend as well.
    const before = store.get().versions.backend;
    board.handle(event);
    if (event.type === "hello" && before !== null && before !== event.version) void versions.check();
  },
  connection: (connection) => board.connected(connection),
});

const root = document.getElementById("app");
if (!root) throw new Error("index.html has no element with the id app");
store.subscribe((state) => render(<App state={state} board={board} />, root));

// The address names the search, so that it can be shared and survives a reload.
const address = new URL(location.href);
board.start(address.searchParams.get("q") ?? "");
store.subscribe(({ shown }) => {
  if ((address.searchParams.get("q") ?? "") === shown) return;
  if (shown) address.searchParams.set("q", shown);
  else address.searchParams.delete("q");
  history.replaceState(null, "", address);
});

versions.start();
stream.start();

addEventListener("online", () => {
  board.online(true);
  stream.restart();
});
addEventListener("offline", () => board.online(false));

// Over HTTP/1.1 a browser opens six connections to a server and no more, and each stream keeps one: a
// seventh tab would wait for ever. So a tab that nobody looks at gives its own back after a while.
const patience = 60_000;
let leaving: ReturnType<typeof setTimeout> | undefined;
document.addEventListener("visibilitychange", () => {
  clearTimeout(leaving);
  if (document.visibilityState === "hidden") {
    leaving = setTimeout(() => stream.stop(), patience);
  } else {
    stream.wake();
    void versions.check();
  }
});
