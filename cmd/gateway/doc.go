// Command gateway is process 1 of the gateway's container, and the way to talk to it
// from `docker exec`.
//
//	gateway [run]                        serves; the default
//	gateway test                         renders the image's configuration, has nginx check it
//	gateway state [--json]               what serves, who is in the pools
//	gateway switch COLOUR [--force]      makes blue or green the active colour
//	gateway canary COLOUR PERCENT        sends a part of the clients to the other colour
//	gateway canary off                   ends that
//	gateway maintenance on [REASON]|off|status
//	gateway turn                         takes over: changes with an older turn are refused from now on
//	gateway reload                       makes a new generation from what there is
//	gateway load < TAR                   makes a configuration from outside live
//	gateway load --reset                 returns to the image's own
//	gateway get [--preview] PATH         asks the site; --preview asks the colour that is not active
//	gateway healthy                      for the container's health check
//	gateway window [--colour=COLOUR] [--seconds=N]   requests, errors and times of late
//	gateway version
//
// What was asked for goes to standard output, everything else to standard error.
//
// Beside the settings that the configuration is rendered from (package render) it reads
//
//	WORKERS          nginx's worker processes; default: what processors and memory allow
//	MAX_OLD_WORKERS  workers of earlier generations that may still serve; default 8
//	STOP_TIMEOUT     how long requests in flight may take at the end; default 25s
//	RELOAD_WATCH     how long new workers are watched after a reload; default 2s
//	APP_VERSION      what it says its version is
//
// switch, canary, reload and load make their change in the turn GATEWAY_TURN, if that is set.
//
// Exit codes:
//
//	0   done
//	1   it was tried and failed, or what was asked for is not so (healthy, get)
//	64  an argument or a setting is wrong
//	69  the supervisor does not answer
//	75  refused for now, nothing was changed: for example a colour without members
//	78  nginx refuses the configuration; what served before goes on serving
package main
