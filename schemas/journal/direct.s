// What has no body in direct.go is linked by its name; a file in assembly has the compiler allow it.
