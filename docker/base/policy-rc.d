#!/bin/sh
# Packages must not start their services during an image build: 101 means
# "action forbidden by policy" (invoke-rc.d's interface).
exit 101
