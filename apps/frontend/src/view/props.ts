import type { Board } from "../board";
import type { State } from "../store";

/** What every view needs: the state to show, and the board to tell what the user did. */
export interface ViewProps {
  readonly state: State;
  readonly board: Board;
}
