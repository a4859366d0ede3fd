# job_log DATA: how something long ended, in its own last words.
tail -n 3 "$1.switchback/job/log" 2>/dev/null
