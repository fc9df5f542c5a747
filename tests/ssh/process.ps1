$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try {
    $process = Get-Process -Id 4711 -ErrorAction SilentlyContinue
    if ($null -eq $process) {
        [Console]::Out.WriteLine('scorch:done')
    } else {
        $started = $process.StartTime.ToUniversalTime().ToString('o')
        $path = [System.Text.Encoding]::UTF8.GetBytes($process.MainModule.FileName)
        [Console]::Out.WriteLine('scorch:done ' + $started + ' ' + [Convert]::ToBase64String($path))
    }
} catch {
    $result = $_.Exception.GetBaseException().HResult
    $code = 31
    if (($result -band 0x7FFF0000) -eq 0x70000) {
        $code = $result -band 0xFFFF
    }
    [Console]::Out.WriteLine('scorch:refused ' + $code)
}
