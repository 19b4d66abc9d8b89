// Command probe is the health check of an image that has none of its own: the build
// copies it to /.drydock/probe, and the engine runs it there as
//
//	HEALTHCHECK CMD ["/.drydock/probe"]
//
// It asks http://127.0.0.1:$PORT$HEALTH_PATH once. Exit 0 means that the application
// can take requests; 1 means that it cannot, with one line that says why, which
// `docker inspect` shows under State.Health.Log.
//
// It owns nothing else: how often it runs and how many failures count is the image's
// HEALTHCHECK. It is static and has only the standard library below net (an HTTP
// client of net/http would make it six times as large), because it runs every few
// seconds in every container under a small memory limit.
package main
