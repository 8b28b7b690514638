# Marks fish's prompts and commands for the terminal. `--init-command` runs it, after all of the
# user's own configuration.

# iTerm2's own script does the same.
if status is-interactive; and not set -q ITERM_SHELL_INTEGRATION_INSTALLED
    function __iterm_mcp_prompt --on-event fish_prompt
        set -l ran $status
        if set -q ITERM_SHELL_INTEGRATION_INSTALLED
            return
        end
        # The command's end is told last: whoever waits for it may ask for the directory then.
        printf '\e]1337;RemoteHost=%s@%s\a' $USER $hostname
        if not string match -qr '[[:cntrl:]]' -- "$PWD"
            printf '\e]1337;CurrentDir=%s\a' "$PWD"
        end
        printf '\e]7;file://%s%s\a' $hostname (string escape --style=url -- "$PWD")
        printf '\e]133;D;%s;aid=%s\a' $ran $fish_pid
        if functions -q fish_prompt; and not string match -q '*133;B*' -- (functions fish_prompt)
            functions -e __iterm_mcp_fish_prompt
            functions -c fish_prompt __iterm_mcp_fish_prompt
            function fish_prompt
                __iterm_mcp_fish_prompt
                printf '\e]133;B\a'
            end
        end
        printf '\e]133;A;aid=%s\a' $fish_pid
    end

    # What was typed is given up, and the prompt drawn again in the line below.
    function __iterm_mcp_cancel --on-event fish_cancel
        if not set -q ITERM_SHELL_INTEGRATION_INSTALLED
            printf '\e]133;D;130;aid=%s\a\e]133;A;aid=%s\a' $fish_pid $fish_pid
        end
    end

    function __iterm_mcp_preexec --on-event fish_preexec
        # Part of a command would mislead: then what stands on the screen is read.
        if test (string length -- "$argv[1]") -gt 4000
            printf '\e]133;C\a'
        else
            printf '\e]133;C;cmdline_url=%s\a' (string escape --style=url -- "$argv[1]")
        end
    end

    printf '\e]1337;ShellIntegrationVersion=1;shell=fish\a'
end
