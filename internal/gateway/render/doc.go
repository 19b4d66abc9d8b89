// Package render turns what is only known at run time into nginx configuration:
// the files of a generation's run/ folder, which the files of nginx/ include.
//
// It owns which values there are, how strict they are checked (a value gets into a
// configuration only after it matched a pattern that cannot hold a directive), and the
// templates. It is pure: the supervisor renders with it inside the container, and the
// checks of the operator's machine render exactly the same.
//
// It does not run nginx, write files or know where members of a pool are: names of
// pools are resolved while nginx runs (drydock/internal/gateway/pool).
package render
