import { Banner } from "./Banner";
import { Composer } from "./Composer";
import { Footer } from "./Footer";
import { Header } from "./Header";
import { Notes } from "./Notes";
import { NoticeBar } from "./NoticeBar";
import type { ViewProps } from "./props";
import { Search } from "./Search";

export function App(props: ViewProps) {
  return (
    <>
      <a class="skip" href="#notes">
        Skip to the notes
      </a>
      <Header state={props.state} />
      <Banner state={props.state} />
      <main>
        <Composer {...props} />
        <Search {...props} />
        <Notes {...props} />
      </main>
      <Footer state={props.state} />
      <NoticeBar {...props} />
      <p class="hidden" aria-live="polite" data-testid="announcer">
        {props.state.announcement}
      </p>
    </>
  );
}
